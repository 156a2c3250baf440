import type { Colors } from 'picocolors/types';
import type { Finding } from '../../core/model/finding';
import { grid, type Look } from './table';

/** A finding of a stream's source, of its destination, or of the stream as a whole. */
export interface PlacedFinding extends Finding {
  readonly stream?: string;
  readonly side?: 'source' | 'destination';
}

function paintSeverity(paint: Colors, severity: Finding['severity']): string {
  switch (severity) {
    case 'error':
      return paint.red(severity);
    case 'warning':
      return paint.yellow(severity);
    case 'note':
      return severity;
  }
}

export function findingsTable(findings: readonly PlacedFinding[], look: Look): string {
  const placed = findings.some(({ stream }) => stream !== undefined);
  const rows = findings.map((finding) => [
    paintSeverity(look.paint, finding.severity),
    ...(placed ? [`${finding.stream ?? ''} ${finding.side ?? ''}`.trim()] : []),
    finding.namespace === undefined ? finding.message : `${finding.namespace}: ${finding.message}`,
    finding.remedy,
  ]);
  return grid(look, ['FINDING', ...(placed ? ['WHERE'] : []), 'WHAT', 'REMEDY'], rows, {
    wraps: placed ? [1, 2, 3] : [1, 2],
  });
}
