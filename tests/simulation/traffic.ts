import { Random } from '../chaos/random';
import { NAMESPACES, type Operation } from './plan';
import { BAD, keyOf, UNIQUE, type Fields } from './rows';
import type { SourceServer } from './source/server';
import type { DestinationServer } from './destination/server';

const VALUES = ['x', 'y', 'z'] as const;

/** Does what a plan says at the source; what is not possible by then is left out. */
export function operate(
  operation: Operation,
  source: SourceServer,
  destination: DestinationServer,
  unique: boolean,
): void {
  const random = new Random(operation.seed);
  const name = NAMESPACES[operation.namespace] ?? NAMESPACES[0];
  const key = `k${operation.key}`;
  const other = `k${(operation.key + 1 + random.between(0, 3)) % 6}`;
  const field = (): Fields => ({ [`f${random.between(0, 2)}`]: random.between(0, 99) });
  const value = (): Fields => (unique && random.chance(0.5) ? { [UNIQUE]: random.pick(VALUES) } : {});
  const put = (id: string): void => source.put(name, id, { ...field(), ...value() }, 'insert');
  const update = (id: string): void =>
    source.update(name, id, { ...field(), ...value() }, random.chance(0.2) ? [`f${random.between(0, 2)}`] : []);
  switch (operation.kind) {
    case 'pause':
      return;
    case 'put':
      put(key);
      return;
    case 'update':
      if (source.tables.get(name)?.rows.has(key)) update(key);
      else put(key);
      return;
    case 'replace':
      source.put(name, key, { ...field(), ...value() }, 'replace');
      return;
    case 'delete':
      source.delete(name, key);
      return;
    case 'transaction':
      source.transaction(() => {
        for (const id of [key, other, key, `k${random.between(0, 5)}`])
          if (random.chance(0.2)) source.delete(name, id);
          else if (source.tables.get(name)?.rows.has(id)) update(id);
          else put(id);
      });
      return;
    case 'burst':
      for (let times = random.between(3, 8); times > 0; times -= 1)
        if (random.chance(0.15)) source.delete(name, key);
        else if (source.tables.get(name)?.rows.has(key)) update(key);
        else put(key);
      return;
    case 'move':
      move(source, name, key, other, random.pick(VALUES));
      return;
    case 'spoil':
      if (random.chance(0.5)) source.update(name, key, { ...field(), [BAD]: 1 });
      else source.put(name, key, { ...field(), [BAD]: 1 }, 'insert');
      return;
    case 'mend':
      source.update(name, key, field(), [BAD]);
      return;
    case 'noise':
      source.noise();
      return;
    case 'create':
      source.create(name);
      return;
    case 'drop':
      source.drop(name);
      if (random.chance(0.5)) source.create(name);
      return;
    case 'rename':
      source.rename(name, random.pick(NAMESPACES));
      return;
    case 'forget':
      source.forgotten = Math.min(...source.end);
      return;
    case 'repair':
      if (destination.root !== null) destination.ask([{ namespace: name, key: keyOf(key), reason: 'replay' }]);
  }
}

/** A value leaves one row and comes to another one. */
function move(source: SourceServer, name: string, from: string, to: string, value: string): void {
  if (from === to) return;
  source.put(name, from, { [UNIQUE]: value }, 'insert');
  source.put(name, to, { f0: 1 }, 'insert');
  source.update(name, from, { f1: 1 }, [UNIQUE]);
  source.update(name, to, { [UNIQUE]: value });
}
