import { sharedMongo } from '../support/servers';
import { MongodbFixture } from './destination-mongodb';
import { describeDestination } from './destination-suite';

describeDestination('mongodb', () => MongodbFixture.on(sharedMongo('destination')));
