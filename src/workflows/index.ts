export { replicationStream } from './stream';
export { verification } from './verification';
