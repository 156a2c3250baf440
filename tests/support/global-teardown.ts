import { unpublish } from './shared-servers';

export default async function stopSharedServers(): Promise<void> {
  await Promise.all(unpublish().map((server) => server[Symbol.asyncDispose]()));
}
