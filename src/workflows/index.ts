export { replayDeadLetters } from './dead-letters/replay';
export { replicationStream } from './stream/stream';
export { verification } from './verification/verification';
