import type { Client, WorkflowHandle } from '@temporalio/client';
import type { StreamSpecInput } from '../../src/config/schema';
import { WORKFLOW_TYPE, workflowId } from '../../src/protocol/names';
import { statusQuery } from '../../src/protocol/stream-messages';
import type { StreamView } from '../../src/protocol/stream-view';
import { waitFor } from '../../src/servers/wait';
import { SOURCE_URI, TARGET_URI } from './worker';

type Stream = StreamSpecInput['stream'];

export interface StreamSettings {
  readonly id: string;
  readonly queue: string;
  readonly database: string;
  /** The target's database, where it has another name. */
  readonly into?: string;
  /** Everything that is left out is as the product's default says. */
  readonly settings?: Partial<Omit<Stream, 'id' | 'source' | 'destination'>>;
  readonly lanes?: number;
}

const PATIENCE_MS = 600_000;

const specOf = ({ id, database, into, settings, lanes }: StreamSettings): StreamSpecInput => ({
  stream: {
    id,
    ...settings,
    source: { type: 'mongodb', connection_string: `\${env:${SOURCE_URI}}`, database },
    destination: {
      type: 'mongodb',
      connection_string: `\${env:${TARGET_URI}}`,
      ...(into !== undefined && { database: into }),
      ...(lanes !== undefined && { options: { lanes } }),
    },
  },
});

/** A stream of the product, at default settings unless told otherwise. */
export class BenchStream implements AsyncDisposable {
  private constructor(
    readonly handle: WorkflowHandle & { readonly firstExecutionRunId: string },
    readonly client: Client,
    readonly settings: StreamSettings,
  ) {}

  static async start(client: Client, settings: StreamSettings): Promise<BenchStream> {
    const handle = await client.workflow.start(WORKFLOW_TYPE, {
      workflowId: workflowId(settings.id),
      taskQueue: settings.queue,
      args: [{ spec: specOf(settings) }],
    });
    return new BenchStream(handle, client, settings);
  }

  status(): Promise<StreamView> {
    return this.#current.query(statusQuery);
  }

  /** Why it needs attention; null while it does not. */
  async trouble(): Promise<string | null> {
    return troubleOf(await this.status());
  }

  /** Passes the source's position as of now. */
  async caughtUp(): Promise<void> {
    await this.#current.executeUpdate('catchUp', { args: [{ timeoutMs: PATIENCE_MS }] });
  }

  /** Waits until targets are created and rows are copied, or even followed already. */
  copying(everyMs: number): Promise<void> {
    return this.#reached(['copying', 'replicating'], everyMs);
  }

  /** Waits until the copy is over and changes are followed. */
  replicating(everyMs: number): Promise<void> {
    return this.#reached(['replicating'], everyMs);
  }

  async #reached(wanted: readonly StreamView['status'][], everyMs: number): Promise<void> {
    let failure: string | null = null;
    const look = async (): Promise<true | undefined> => {
      const view = await this.status();
      failure = troubleOf(view);
      return wanted.includes(view.status) ? true : undefined;
    };
    await waitFor(look, {
      what: `the copy of ${this.settings.id}`,
      timeoutMs: PATIENCE_MS,
      everyMs,
      hopeless: () => failure ?? undefined,
    });
  }

  async pause(): Promise<void> {
    await this.#current.executeUpdate('pause');
  }

  async resume(): Promise<void> {
    await this.#current.executeUpdate('resume');
  }

  async reconfigure(settings: Pick<StreamSettings, 'settings' | 'lanes'>): Promise<void> {
    await this.#current.executeUpdate('reconfigure', { args: [specOf({ ...this.settings, ...settings })] });
  }

  async stop(): Promise<void> {
    await this.#current.executeUpdate('stop');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Without a worker the update would wait for one: the workflow goes with its server in any case.
    await this.#current.terminate('the benchmark is over').catch(() => undefined);
  }

  /** Follows the stream over the runs of its workflow. */
  get #current(): WorkflowHandle {
    return this.client.workflow.getHandle(this.handle.workflowId);
  }
}

const troubleOf = ({ stream, status, failure }: StreamView): string | null =>
  status === 'needs_attention' ? `${stream}: ${failure?.message ?? 'needs attention'}` : null;
