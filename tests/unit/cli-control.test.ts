import { ServiceError } from '@temporalio/client';
import { sentAgain } from '../../src/cli/streams/control';

/** gRPC status codes. */
const status = { FAILED_PRECONDITION: 9, UNAVAILABLE: 14 };

const refused = (code: number): ServiceError =>
  new ServiceError('Workflow Update failed', {
    cause: Object.assign(new Error('no'), { code, details: 'no', metadata: {} }),
  });

test('an update that Temporal gives back is sent again, three times at most; no other error is', async () => {
  const update = jest.fn<Promise<string>, []>();
  update.mockRejectedValueOnce(refused(status.FAILED_PRECONDITION)).mockResolvedValueOnce('stopped');
  expect(await sentAgain(update)).toBe('stopped');
  expect(update).toHaveBeenCalledTimes(2);

  const never = jest.fn(() => Promise.reject(refused(status.FAILED_PRECONDITION)));
  await expect(sentAgain(never)).rejects.toThrow('Workflow Update failed');
  expect(never).toHaveBeenCalledTimes(3);

  const lost = jest.fn(() => Promise.reject(refused(status.UNAVAILABLE)));
  await expect(sentAgain(lost)).rejects.toThrow('Workflow Update failed');
  expect(lost).toHaveBeenCalledTimes(1);
});
