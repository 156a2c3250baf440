// A writer that stands in the middle of its transaction until it is told to go on: to be killed or frozen there.
import { createInterface } from 'node:readline';
import { Binary, MongoClient } from 'mongodb';

const { uri, session: id, number, ledger, record, namespace } = JSON.parse(process.argv[2]);
const [database, collection] = namespace.split('.');
const client = await new MongoClient(uri, { writeConcern: { w: 'majority' } }).connect();
const session = client.startSession({ causalConsistency: false });
session.serverSession.id = { id: new Binary(Buffer.from(id, 'hex'), 4) };
session.serverSession.txnNumber = number;

async function write() {
  session.startTransaction();
  const { matchedCount } = await client
    .db(ledger)
    .collection('ledger')
    .updateOne({ _id: record, epoch: 1, sequence: 0 }, { $set: { sequence: 1 } }, { session });
  if (matchedCount === 1) await client.db(database).collection(collection).insertOne({ _id: 'stale' }, { session });
  return matchedCount;
}

const refused = (error) => console.log(`refused ${error.code}`);
await write();
console.log('open');
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'commit') await session.commitTransaction().then(() => console.log('committed'), refused);
  if (line === 'again') await write().then((matched) => console.log(`matched ${matched}`), refused);
}
