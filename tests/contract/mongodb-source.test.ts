import { sharedMongo } from '../support/servers';
import { MongodbFixture } from './source-mongodb';
import { describeSource } from './source-suite';

describeSource('mongodb', () => MongodbFixture.open(sharedMongo()));
