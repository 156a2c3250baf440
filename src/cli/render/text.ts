const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

export const count = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 0 });

export function bytes(value: number): string {
  let unit = 0;
  let at = value;
  while (at >= 1000 && unit < UNITS.length - 1) {
    at /= 1000;
    unit += 1;
  }
  return `${at.toFixed(unit === 0 || at >= 100 ? 0 : 1)} ${UNITS[unit] ?? ''}`;
}

export const rate = (value: number): string => `${count(value)}/s`;

/** `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`. */
export function span(ms: number): string {
  if (ms < 10_000) return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Age of a time, for people. */
export const age = (iso: string, now = Date.now()): string => span(Math.max(0, now - Date.parse(iso)));

export function bar(fraction: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * width);
  return `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`;
}

export const percent = (fraction: number): string => `${Math.floor(Math.min(1, Math.max(0, fraction)) * 100)} %`;
