import type { Fault } from '../config/checks/fault';
import type { ReferenceSources } from '../config/reference';
import type { Secret } from '../config/secret';

/** What a connection setting says. */
export interface ConnectionValue {
  /** Servers as written, references included; none where a reference stands for all of the setting. */
  readonly endpoints: readonly string[];
  /** The setting itself says who logs in. */
  readonly hasLogin: boolean;
}

export type ParsedConnection = { readonly value: ConnectionValue } | { readonly fault: Fault };

/**
 * How one kind of database reads its connection setting, such as `mongodb://u:${env:PW}@h/`. References may stand in the setting
 * wherever a value may. No answer but that of `resolve` holds a secret, also where the setting is damaged.
 */
export interface Connection {
  /** What the setting begins with, before `://`, in lower case. */
  readonly schemes: readonly string[];
  /** The setting as a value, or why the driver would refuse it. */
  parse(setting: string): ParsedConnection;
  /** The secrets that stand in the setting as plain text, each by a name such as `a password`. */
  secrets(setting: string): readonly string[];
  /** The setting as it may be shown. */
  redact(setting: string): string;
  /** Equal for settings that surely name one deployment, under any login. For comparing only: it is never shown. */
  deployment(setting: string): string;
  /** The setting as the driver takes it: with its references replaced, and encoded where they stand. */
  resolve(setting: string, sources?: ReferenceSources): Secret;
}
