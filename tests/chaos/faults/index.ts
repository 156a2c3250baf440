import type { Fault, FaultKind } from '../plan';
import type { Round } from '../round-context';
import type { Bite, FaultOf, Inject, Resource } from './bite';
import { addCollections, continueAsNew, jumpClock, pause, reconfigure } from './control';
import { cut, dropReply, halfClose, reset, slow, slowSteps, truncate } from './network';
import { historyError, refuse, writeConcern } from './refusals';
import { killServer, killTemporal } from './servers';
import { freeze, kill, killBehind, lateDelivery, partition, takeover, terminate } from './workers';

interface Kind<K extends FaultKind> {
  readonly inject: Inject<K>;
  /** Taken for as long as the fault lasts. */
  readonly takes: (fault: FaultOf<K>) => readonly Resource[];
}

const kind = <K extends FaultKind>(inject: Inject<K>, ...takes: readonly Resource[]): Kind<K> => ({
  inject,
  takes: () => takes,
});

const ofSide = <K extends FaultKind>(inject: Inject<K>): Kind<K> => ({
  inject,
  takes: (fault) => ('side' in fault ? [fault.side] : []),
});

const KINDS: { readonly [K in FaultKind]: Kind<K> } = {
  worker_kill: kind(kill, 'workers'),
  worker_term: kind(terminate, 'workers'),
  worker_kill_behind: kind(killBehind, 'workers', 'destination'),
  worker_freeze: kind(freeze, 'workers', 'destination'),
  worker_takeover: kind(takeover, 'workers'),
  temporal_partition: kind(partition, 'workers', 'temporal', 'destination'),
  temporal_kill: kind(killTemporal, 'temporal'),
  server_kill: ofSide(killServer),
  cut: ofSide(cut),
  reset: ofSide(reset),
  half_close: ofSide(halfClose),
  delay: ofSide(slow),
  slow_steps: kind(slowSteps, 'destination'),
  drop_reply: ofSide(dropReply),
  truncate: ofSide(truncate),
  late_delivery: kind(lateDelivery, 'workers', 'destination'),
  refuse: ofSide(refuse),
  write_concern: kind(writeConcern, 'destination'),
  history_error: kind(historyError, 'source', 'control'),
  clock_jump: kind(jumpClock, 'workers'),
  pause: kind(pause, 'control'),
  continue_as_new: kind(continueAsNew, 'control'),
  reconfigure: kind(reconfigure, 'control'),
  add_collections: kind(addCollections, 'control'),
};

const of = (fault: Fault): Kind<FaultKind> => KINDS[fault.kind] as Kind<FaultKind>;

export const takes = (fault: Fault): readonly Resource[] => of(fault).takes(fault);

export const inject = (round: Round, fault: Fault): Promise<Bite> => of(fault).inject(round, fault);
