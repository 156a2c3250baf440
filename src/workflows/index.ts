export { replayDeadLetters } from './replay';
export { replicationStream } from './stream';
export { verification } from './verification';
