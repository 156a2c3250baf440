import { privateMongo, privateTemporal } from './servers';

/** Run as a process of its own: starts servers, says where, and waits to be killed. */
async function main(): Promise<void> {
  const mongo = await privateMongo();
  const temporal = await privateTemporal();
  process.stdout.write(`${JSON.stringify({ mongo: mongo.pid, temporal: temporal.pid })}\n`);
  setInterval(() => undefined, 60_000);
}

void main();
