import { ReadPreference, type MongoClient } from 'mongodb';
import type { Reading } from '../driver/rows';
import type { Namespace } from '../../../core/model/namespace';

/** Targets are read where they are written: another member may lag behind what the ledger says. */
export const readingOf = (client: MongoClient, target: Namespace): Reading => ({
  client,
  role: 'destination',
  namespace: target,
  readPreference: ReadPreference.primary,
  since: null,
});
