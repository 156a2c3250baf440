import { cadenceOf } from '../../src/config/schedule';
import { NOTHING_FOUND, type VerificationState } from '../../src/protocol/verification-state';
import { gapsOf, verdictOf } from '../../src/workflows/verification/verdict';
import { verificationResult } from '../../src/cli/render/verification';
import { verificationDetails, viewOfVerification } from '../../src/workflows/verification/view';
import { createColors } from 'picocolors';
import { initialVerification } from '../../src/workflows/stream/initial';

const level = { ...NOTHING_FOUND, ranges: 3, rangesDone: 3, sourceRows: 10, destinationRows: 10 };

/** A run that has read everything and found nothing, but for what is given. */
const ended = (more: Partial<VerificationState> = {}): VerificationState => ({
  ...initialVerification('run', '2026-01-01T00:00:00.000Z'),
  phase: 'conclude',
  parsed: true,
  namespaces: 2,
  compared: true,
  findings: level,
  layout: { findings: [], differences: 0, unsettled: 0 },
  ...more,
});
const failure = { kind: 'retry', code: 'not_reachable', message: 'no usable server answers', remedy: '' } as const;

describe('the verdict of a verification', () => {
  it('is identical only of what was read to its end', () => {
    expect(verdictOf(ended())).toBe('identical');
    const incomplete: readonly Partial<VerificationState>[] = [
      { findings: null },
      { layout: null },
      { cancelled: true },
      { namespaces: 0, findings: NOTHING_FOUND },
      { failure, gaveUp: true },
      { notVerifiedCount: 1 },
      { repairsLeft: 1 },
      { findings: { ...level, rangesDone: 2 } },
      { findings: { ...level, suspects: 1 } },
      { findings: { ...level, unsettled: 1 } },
      { findings: { ...level, unlisted: 1 } },
      { layout: { findings: [], differences: 0, unsettled: 1 } },
    ];
    for (const each of incomplete) {
      expect([each, verdictOf(ended(each))]).toEqual([each, 'incomplete']);
      expect(gapsOf(ended(each))).toHaveLength(1);
    }
  });

  it('is different as soon as one difference is proven, whatever else was not read', () => {
    for (const kind of ['missing', 'extra', 'different'] as const) {
      const findings = { ...level, rangesDone: 1, damaged: { ...level.damaged, [kind]: 1 } };
      expect(verdictOf(ended({ findings, cancelled: true }))).toBe('different');
    }
    expect(verdictOf(ended({ layout: { findings: [], differences: 1, unsettled: 0 } }))).toBe('different');
  });

  it('is not spoilt by a failure that passed', () => {
    expect(verdictOf(ended({ failure }))).toBe('identical');
  });

  it('is told with what it stands on', () => {
    const findings = { ...level, damaged: { missing: 1_500, extra: 0, different: 2 } };
    const state = { ...ended({ findings, asked: 1_600 }), verdict: 'different' as const };
    const view = viewOfVerification({ spec: { stream: { id: 'orders' } } as never, repair: true }, state);
    expect(view).toMatchObject({ verdict: 'different', repaired: 98, gaps: [] });
    expect(verificationDetails(view)).toContain('| Missing | 1,500 |');
    const key = { namespace: 'shop.orders', difference: 'missing', state: 'damaged', key: '"a"' } as const;
    const text = verificationResult(view, [key], { paint: createColors(false), columns: Infinity });
    expect(text).toMatch(/Both sides are\s+different/u);
    expect(text).toContain('shop.orders  missing     "a"');
    expect(text).toContain('and 1,501 more');
  });
});

describe('how often a verification is made by itself', () => {
  it('is an interval or a cron line', () => {
    expect(cadenceOf('24h')).toEqual({ everyMs: 86_400_000 });
    expect(cadenceOf('0 3 * * *')).toEqual({ cron: '0 3 * * *' });
    expect(cadenceOf('CRON_TZ=Europe/Berlin 15 3 * * MON-FRI')).toEqual({
      cron: 'CRON_TZ=Europe/Berlin 15 3 * * MON-FRI',
    });
    expect(cadenceOf('@daily')).toEqual({ cron: '@daily' });
  });

  it('is nothing else', () => {
    for (const text of ['', '24', 'h', '10s', '500ms', 'daily', '0 3 * *', '0 3 * * * $(x)', '@sometimes'])
      expect([text, cadenceOf(text)]).toEqual([text, null]);
  });
});
