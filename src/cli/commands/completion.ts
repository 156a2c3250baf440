import { Argument, Command } from 'commander';
import { complete } from '../completion/candidates';
import { FILES, SCRIPTS, type Shell } from '../completion/scripts';
import { streamIds } from '../completion/streams';
import type { Io } from '../io';
import { examples } from '../options';
import { command } from './command';

export const completionCommand = (io: Io): Command =>
  examples(
    command(io, 'completion', 'print the script that completes commands, options and stream ids in a shell')
      .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SCRIPTS)))
      .action((shell: Shell) => {
        io.out.write(`${SCRIPTS[shell]}\n`);
      }),
    'eval "$(tributary completion bash)"                 # in ~/.bashrc',
    'eval "$(tributary completion zsh)"                  # in ~/.zshrc, after compinit',
    'tributary completion fish > ~/.config/fish/completions/tributary.fish',
  );

/** What the scripts call, with the words behind `tributary`. It answers nothing where it cannot help. */
export const completeCommand = (io: Io): Command =>
  new Command('complete').argument('[words...]').action(async (words: string[], _options: object, self: Command) => {
    const root = self.parent;
    if (root === null) return;
    const at = words.indexOf('--profile');
    const profile = at === -1 ? undefined : words[at + 1];
    const found = await complete(root, words, () => streamIds({ env: io.env, profile }));
    const lines = found === 'files' ? [FILES] : found.map(({ value, description }) => `${value}\t${description}`);
    if (lines.length > 0) io.out.write(`${lines.join('\n')}\n`);
  });
