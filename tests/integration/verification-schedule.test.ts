import { ScheduleNotFoundError } from '@temporalio/client';
import { applySchedule } from '../../src/cli/apply/schedule';
import { connectTemporal, type Temporal } from '../../src/cli/temporal';
import { parseSpec } from '../../src/config/spec';
import { verificationId } from '../../src/protocol/names';
import { sharedTemporal, uniqueName } from '../support/servers';

describe('the schedule of a verification', () => {
  let temporal: Temporal;
  const id = uniqueName('stream');
  const handle = () => temporal.client.schedule.getHandle(verificationId(id));
  const apply = (verification: object, enabled = true): Promise<void> =>
    applySchedule(
      temporal,
      parseSpec({
        stream: {
          id,
          enabled,
          verification,
          source: { type: 'mongodb', connection_string: '${env:A}', database: 'shop' },
          destination: { type: 'mongodb', connection_string: '${env:B}' },
        },
      }),
    );

  beforeAll(async () => {
    const { address, namespace } = sharedTemporal();
    temporal = await connectTemporal({
      env: { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, TRIBUTARY_TASK_QUEUE: 'no-worker' },
    });
  });
  afterAll(async () => {
    await handle()
      .delete()
      .catch(() => undefined);
    await temporal[Symbol.asyncDispose]();
  });

  it('is made, changed, left paused and removed as the configuration says', async () => {
    await apply({});
    await expect(handle().describe()).rejects.toThrow(ScheduleNotFoundError);

    await apply({ schedule: '24h' });
    const made = await handle().describe();
    expect(made.spec.intervals).toMatchObject([{ every: 86_400_000 }]);
    expect(made.policies.overlap).toBe('SKIP');
    expect(made.action).toMatchObject({ workflowType: 'verification', workflowId: verificationId(id) });

    await handle().pause('a hot week');
    await apply({ schedule: '0 3 * * *', repair: true });
    const changed = await handle().describe();
    expect(changed.spec.intervals ?? []).toEqual([]);
    expect(changed.spec.calendars).toHaveLength(1);
    expect(changed.state.paused).toBe(true);
    expect(changed.action).toMatchObject({ args: [{ repair: true }] });

    await apply({ schedule: '0 3 * * *' }, false);
    await expect(handle().describe()).rejects.toThrow(ScheduleNotFoundError);
  });
});
