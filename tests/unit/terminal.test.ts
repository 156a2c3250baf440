import { Terminal } from '../support/terminal';

const open = (commands: string): Terminal => new Terminal(commands, { cwd: __dirname, env: process.env });

test('commands end with their status, though a process that they leave behind holds the terminal', async () => {
  await using terminal = open(`(trap '' HUP INT TERM; exec sleep 5) & echo left; exit 3`);
  expect(await terminal.end()).toBe(3);
  expect(terminal.output).toBe('left\r\n');
});

test('Ctrl-C reaches a command also where it is pressed before there is one', async () => {
  await using terminal = open('exec sleep 60');
  await terminal.interrupt();
  expect(await terminal.end()).toBe(130);
});

test('what is waited for fails with the output of commands that end before', async () => {
  await using terminal = open('echo something else');
  await expect(terminal.until((output) => output.includes('this'))).rejects.toThrow(
    'ended with status 0: something else',
  );
});
