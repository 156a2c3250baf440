import { toFailure } from '../../src/activities/failure';
import { ReplicationError } from '../../src/core/model/errors';
import { at } from '../support/changes';

describe('toFailure', () => {
  const progress = { position: at(7) };

  it('names the key of a refused change by its hash, and carries the position', () => {
    const error = new ReplicationError('poison', {
      code: 'document_validation',
      message: 'the destination refused a change in shop.orders',
      remedy: 'Loosen the validator.',
      namespace: 'shop.orders',
      keyHash: 0xbeef,
    });
    const failure = toFailure(error, { stream: 'orders', interrupted: false, progress });
    expect(failure.type).toBe('document_validation');
    expect(failure.message).toBe('the destination refused a change in shop.orders (key hash 0000beef)');
    expect(failure.details?.[0]).toMatchObject({ kind: 'poison', namespace: 'shop.orders', position: at(7) });
  });

  it('tells only the name of an error that is not classified: its message may hold anything', () => {
    const failure = toFailure(new TypeError('canary'), { stream: 'orders', interrupted: false, progress });
    expect(failure.type).toBe('unexpected');
    expect(JSON.stringify([failure.message, failure.details])).not.toContain('canary');
  });

  it('takes no notice of what an interrupted call stumbled over, unless a person is needed', () => {
    const stumbled = new ReplicationError('retry', { code: 'not_reachable', message: 'gone' });
    expect(toFailure(stumbled, { stream: 'orders', interrupted: true, progress }).type).toBe('interrupted');
    const needed = new ReplicationError('needs_attention', { code: 'history_lost', message: 'gone' });
    expect(toFailure(needed, { stream: 'orders', interrupted: true, progress }).type).toBe('history_lost');
  });

  it('names the stream and the namespace in the commands of a remedy', () => {
    const error = new ReplicationError('needs_attention', {
      code: 'target_missing',
      message: 'gone',
      remedy: 'Run `tributary streams resume ID --namespace NAME`.',
      namespace: 'shop.carts',
    });
    expect(toFailure(error, { stream: 'orders', interrupted: false, progress }).details?.[0]).toMatchObject({
      remedy: 'Run `tributary streams resume orders --namespace shop.carts`.',
    });
  });

  it('adds to a remedy what follows in a stream, which the same error does not say elsewhere', () => {
    const remedyOf = (remedy: string, then: string): unknown => {
      const error = new ReplicationError('needs_attention', { code: 'unauthorized', message: 'no', remedy, then });
      expect(error.remedy).toBe(remedy);
      return (toFailure(error, { stream: 'orders', interrupted: false, progress }).details?.[0] as { remedy: unknown })
        .remedy;
    };
    expect(remedyOf('Grant it.', 'Then resume the stream.')).toBe('Grant it. Then resume the stream.');
    expect(remedyOf('grant it', 'Then resume the stream.')).toBe('grant it. Then resume the stream.');
    expect(remedyOf('Grant it.', '')).toBe('Grant it.');
    expect(remedyOf('', 'Then resume the stream.')).toBe('Then resume the stream.');
  });
});
