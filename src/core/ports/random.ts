/** The only chance that the core knows: a simulation gives one that repeats itself from its seed. */
export interface Random {
  /** At least 0 and less than 1, each as likely as any other. */
  fraction(): number;
}
