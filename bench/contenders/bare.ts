import type { Scope } from '../lab/scope';
import { BARE_LOOP, type Contender } from './contender';

/** The bare driver loop; it lives through `hold`, so that it is as warm as the product. */
export async function bareLoop(scope: Scope): Promise<Contender> {
  const { servers } = scope;
  const database = scope.unique('bare');
  await servers.source.db(database).createCollection('orders');
  const helper = await scope.helper('bare-loop');
  await helper.call('open', { ...servers.uris, database });
  return {
    name: BARE_LOOP,
    source: servers.source.db(database),
    target: servers.target.db(database),
    pid: helper.pid,
    hold: () => helper.call('hold'),
    go: () => helper.call('go'),
    trouble: () => Promise.resolve(helper.hasExited ? 'the bare loop has ended' : null),
  };
}
