export { replicationStream } from './stream';
