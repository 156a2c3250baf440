import type { Binary } from 'mongodb';
import { keyOf } from '../../../../formats/bson/key';
import type { Namespace } from '../../../../core/model/namespace';
import type {
  ComparedRange,
  Difference,
  DifferenceKind,
  DifferenceState,
  NotVerified,
} from '../../../../core/ports/verification';
import { bytesOf, keyDigest } from './records';

interface OfRun {
  readonly _id: string;
  readonly stream: string;
  readonly run: string;
}

export interface RunDocument extends OfRun {
  readonly kind: 'run';
  readonly planned: Date;
  readonly notVerified: readonly NotVerified[];
  readonly verdict: string | null;
  readonly ended: Date | null;
}

export interface ComparedDocument extends OfRun {
  readonly kind: 'range';
  readonly number: number;
  readonly namespace: Namespace;
  readonly sequence: number;
  readonly from: Binary | null;
  readonly to: Binary | null;
  readonly after: Binary | null;
  readonly done: boolean;
  readonly estimatedRows: number;
  readonly sourceRows: number;
  readonly destinationRows: number;
  readonly unlisted: number;
}

export interface DifferenceDocument extends OfRun {
  readonly kind: 'key';
  readonly namespace: Namespace;
  readonly key: Binary;
  readonly difference: DifferenceKind;
  readonly state: DifferenceState;
  readonly bytes: number;
  readonly rounds: number;
}

export type VerificationDocument = RunDocument | ComparedDocument | DifferenceDocument;

export const runId = (stream: string, run: string): string => `${stream}/${run}`;

export const comparedId = (stream: string, run: string, number: number): string =>
  `${runId(stream, run)}/range/${number}`;

export const differenceId = (stream: string, run: string, { namespace, key }: Difference): string =>
  `${runId(stream, run)}/key/${namespace}/${keyDigest(key)}`;

export const readCompared = (document: ComparedDocument): ComparedRange => ({
  number: document.number,
  namespace: document.namespace,
  sequence: document.sequence,
  from: bytesOf(document.from),
  to: bytesOf(document.to),
  after: bytesOf(document.after),
  done: document.done,
  estimatedRows: document.estimatedRows,
  sourceRows: document.sourceRows,
  destinationRows: document.destinationRows,
  unlisted: document.unlisted,
});

export const readDifference = ({
  namespace,
  key,
  difference,
  state,
  bytes,
  rounds,
}: DifferenceDocument): Difference => ({
  namespace,
  key: keyOf(Buffer.from(key.buffer)),
  kind: difference,
  state,
  bytes,
  rounds,
});
