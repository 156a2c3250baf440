import { diffSpec } from '../../src/config/diff';
import { parseSpec } from '../../src/config/spec';
import type { StreamSpec } from '../../src/config/schema';

interface Draft {
  readonly source?: object;
  readonly destination?: object;
  readonly rest?: object;
  readonly password?: string;
}
const spec = ({ source = {}, destination = {}, rest = {}, password = '${env:PW}' }: Draft = {}): StreamSpec =>
  parseSpec({
    stream: {
      id: 's',
      source: { type: 'mongodb', connection_string: '${env:A}', database: 'shop', auth_id: 'u', ...source },
      destination: { type: 'mongodb', connection_string: '${env:B}', ...destination },
      ...rest,
    },
    authentication: [{ id: 'u', type: 'username_password', config: { username: 'bob', password } }],
  });

describe('diffSpec', () => {
  it.each<[string, Draft, string]>([
    ['name', { rest: { name: 'x' } }, 'live'],
    ['enabled', { rest: { enabled: false } }, 'live'],
    ['retry_policy.max_delay', { rest: { retry_policy: { max_delay: '1m' } } }, 'live'],
    ['batch_size', { rest: { batch_size: 5 } }, 'restart_leg'],
    ['source.connection_string', { source: { connection_string: '${env:C}' } }, 'restart_leg'],
    ['source.collections', { source: { collections: ['a'] } }, 'restart_leg'],
    ['source.options.updates', { source: { options: { updates: 'row' } } }, 'restart_leg'],
    ['destination.options.lanes', { destination: { options: { lanes: 8 } } }, 'restart_leg'],
    ['destination.options.shared_targets', { destination: { options: { shared_targets: true } } }, 'restart_leg'],
    ['authentication.u.config.password', { password: '${env:PW2}' }, 'restart_leg'],
    ['source.database', { source: { database: 'crm' } }, 'needs_restart'],
    ['destination.database', { destination: { database: 'copy' } }, 'needs_restart'],
    ['destination.namespaces', { destination: { namespaces: { 'shop.a': 'x.a' } } }, 'needs_restart'],
    ['destination.options.ledger_database', { destination: { options: { ledger_database: 'x' } } }, 'needs_restart'],
    ['snapshot.mode', { rest: { snapshot: { mode: 'never' } } }, 'needs_restart'],
  ])('%s', (path, after, effect) => {
    expect(diffSpec(spec(), spec(after)).map((change) => [change.path, change.effect])).toEqual([[path, effect]]);
  });

  it('shows both values, and nothing where only the order of patterns differs', () => {
    expect(diffSpec(spec({ rest: { batch_size: 7 } }), spec())).toEqual([
      { path: 'batch_size', before: 7, after: 1000, effect: 'restart_leg' },
    ]);
    const [a, b] = [spec({ source: { collections: ['a', 'b'] } }), spec({ source: { collections: ['b', 'a'] } })];
    expect(diffSpec(a, b)).toEqual([]);
    expect(diffSpec(a, JSON.parse(JSON.stringify(a)) as StreamSpec)).toEqual([]);
  });
});
