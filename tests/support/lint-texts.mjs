// Lints texts with the rules of this project, as if each stood at its path: [{ path, text }] on stdin, the messages of each on stdout.
// A process of its own: what loads ES modules by itself does not run inside Jest. Types are left out, which take long.
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { parserOptions } = tseslint.configs.disableTypeChecked.languageOptions;
const eslint = new ESLint({
  overrideConfig: [{ ...tseslint.configs.disableTypeChecked, languageOptions: { parserOptions } }],
});
const results = [];
for (const { path, text } of JSON.parse(Buffer.concat(chunks).toString())) {
  const [{ messages }] = await eslint.lintText(text, { filePath: path });
  results.push(messages.map(({ ruleId, message }) => ({ ruleId, message })));
}
process.stdout.write(JSON.stringify(results));
