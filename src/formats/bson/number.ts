/**
 * Canonical text of a BSON number: equal texts exactly when the numbers are equal as real numbers, whatever their types.
 * Safe integers are written plainly, all else as `coefficient E exponent` without trailing zeros.
 */
const SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const LARGEST_COEFFICIENT = 10n ** 34n - 1n;

function scaled(coefficient: bigint, exponent: number): string {
  if (coefficient === 0n) return '0';
  while (coefficient % 10n === 0n) {
    coefficient /= 10n;
    exponent += 1;
  }
  if (exponent >= 0 && exponent <= 16) {
    const whole = coefficient * 10n ** BigInt(exponent);
    if (whole <= SAFE && whole >= -SAFE) return whole.toString();
  }
  return `${coefficient}E${exponent}`;
}

export function int64Text(value: bigint): string {
  return value <= SAFE && value >= -SAFE ? value.toString() : scaled(value, 0);
}

export function doubleText(value: number): string {
  if (Number.isSafeInteger(value)) return value === 0 ? '0' : value.toString();
  if (!Number.isFinite(value)) return value.toString();
  if (Number.isInteger(value)) return scaled(BigInt(value), 0);
  // A fraction is m / 2^k = m * 5^k / 10^k. Beyond 48 digits after the point no Decimal128 can equal it.
  let places = 0;
  let mantissa = value;
  while (!Number.isInteger(mantissa) && places < 49) {
    mantissa *= 2;
    places += 1;
  }
  if (places > 48) return `~${value}`;
  return `${BigInt(mantissa) * 5n ** BigInt(places)}E-${places}`;
}

export function decimalText(buf: Buffer, offset: number): string {
  const high = buf.readBigUInt64LE(offset + 8);
  const negative = high >> 63n === 1n;
  if (((high >> 61n) & 3n) === 3n) {
    const kind = (high >> 58n) & 0x1fn;
    if (kind === 0x1fn) return 'NaN';
    if (kind === 0x1en) return negative ? '-Infinity' : 'Infinity';
    // The large form of the coefficient is always above the largest one, which counts as zero.
    return '0';
  }
  const exponent = Number((high >> 49n) & 0x3fffn) - 6176;
  const coefficient = ((high & 0x1_ffff_ffff_ffffn) << 64n) | buf.readBigUInt64LE(offset);
  if (coefficient > LARGEST_COEFFICIENT) return '0';
  return scaled(negative ? -coefficient : coefficient, exponent);
}
