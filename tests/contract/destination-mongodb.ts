import * as os from 'node:os';
import { MongoClient, type Document } from 'mongodb';
import { mongodbDestinationSchema } from '../../src/config/schema';
import { Secret } from '../../src/config/secret';
import { openDestination } from '../../src/connectors/mongodb/destination/open';
import type { Destination } from '../../src/core/ports/destination';
import { splitNamespace, type Namespace } from '../../src/core/model/namespace';
import { uniqueName } from '../support/servers';
import type { DestinationFixture } from './destination-suite';

/** A database and a ledger of its own on a server that other tests use too. */
export class MongodbFixture implements DestinationFixture {
  readonly database = uniqueName('dest');
  readonly ledgerDatabase = uniqueName('ledger');
  readonly namespace = `${this.database}.orders`;
  readonly stream = uniqueName('stream');

  private constructor(
    readonly uri: string,
    readonly client: MongoClient,
  ) {}

  static async on(uri: string): Promise<MongodbFixture> {
    return new MongodbFixture(uri, await new MongoClient(uri, { runtimeAdapters: { os } }).connect());
  }

  /** `through`: another way to the same server. */
  open(
    config: Document = {},
    { through = this.uri, ...context }: { readonly deadLetters?: Namespace; readonly through?: string } = {},
  ): Promise<Destination> {
    const { options, ...rest } = config as { options?: Document };
    return openDestination(
      mongodbDestinationSchema.parse({
        type: 'mongodb',
        connection_string: through,
        options: { ledger_database: this.ledgerDatabase, ...options },
        ...rest,
      }),
      { connectionString: new Secret(through) },
      { stream: this.stream, log: () => undefined, ...context },
    );
  }

  collection(target: Namespace = this.namespace) {
    const { database, collection } = splitNamespace(target);
    return this.client.db(database).collection<Document & { _id: unknown }>(collection);
  }

  get ledger() {
    return this.client.db(this.ledgerDatabase);
  }

  async rows(target: Namespace): Promise<readonly unknown[]> {
    return this.collection(target).find({}).sort({ _id: 1 }).toArray();
  }

  /** The rows as the server holds them. */
  async encoded(target: Namespace = this.namespace): Promise<Buffer[]> {
    const rows = await this.collection(target).find({}, { raw: true }).sort({ _id: 1 }).toArray();
    return rows as unknown as Buffer[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.db(this.database).dropDatabase();
    await this.ledger.dropDatabase();
    await this.client.close();
  }
}
