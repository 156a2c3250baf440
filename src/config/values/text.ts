import type { Problem } from '../checks/problem';

const NO_TEXT = 'save it as UTF-8 text';

/** Half of the bytes of ASCII in UTF-16 are zero, and always the same half. */
function utf16(bytes: Buffer): 'little' | 'big' | null {
  const [a, b] = bytes;
  if (a === 0xff && b === 0xfe) return 'little';
  if (a === 0xfe && b === 0xff) return 'big';
  const start = bytes.subarray(0, 64);
  const zeros = [0, 1].map((half) => start.filter((byte, index) => index % 2 === half && byte === 0).length);
  const half = Math.floor(start.length / 2);
  if (half < 2) return null;
  if (zeros[1] === half && zeros[0] === 0) return 'little';
  return zeros[0] === half && zeros[1] === 0 ? 'big' : null;
}

/** Where a byte stands: lines and columns as an editor counts them. */
function place(bytes: Buffer, offset: number): Pick<Problem, 'line' | 'column'> {
  const lines = bytes.subarray(0, offset).toString('utf8').split('\n');
  return { line: lines.length, column: Array.from(lines.at(-1) ?? '').length + 1 };
}

/** How many of the first bytes are whole characters of UTF-8. */
function validLength(bytes: Buffer): number {
  // What is no UTF-8 is decoded to U+FFFD, which differs from what it came from.
  const text = bytes.toString('utf8');
  const again = Buffer.from(text, 'utf8');
  const differs = again.findIndex((byte, index) => byte !== bytes[index]);
  return differs < 0 ? Math.min(again.length, bytes.length) : differs;
}

/** The text in a file's bytes, or why they are none. */
export function readText(bytes: Buffer): string | Problem {
  const order = utf16(bytes);
  if (order !== null) {
    const message = `is encoded as UTF-16 (${order}-endian), and UTF-8 is read`;
    return { path: '', line: 1, column: 1, message, remedy: 'save it as UTF-8, or run: iconv -f UTF-16 -t UTF-8' };
  }
  const control = bytes.findIndex((byte) => byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
  if (control >= 0) {
    const message = 'holds a control character: it is a binary file, or a damaged one';
    return { path: '', ...place(bytes, control), message, remedy: `name a YAML or JSON file, or ${NO_TEXT}` };
  }
  const invalid = validLength(bytes);
  if (invalid < bytes.length) {
    const message = 'holds a byte that is no UTF-8: it was saved in another encoding, or is a binary file';
    return { path: '', ...place(bytes, invalid), message, remedy: NO_TEXT };
  }
  return bytes.toString('utf8').replace(/^\uFEFF/u, '');
}
