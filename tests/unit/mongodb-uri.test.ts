import { parseConfig } from '../../src/config/load';
import { ConfigError } from '../../src/config/checks/problem';
import { mongodbConnection } from '../../src/connectors/mongodb/connection';
import { uriFault } from '../../src/connectors/mongodb/uri';

const CANARY = 'hunter2';
const connectionFault = (text: string) => {
  const parsed = mongodbConnection.parse(text);
  return 'fault' in parsed ? parsed.fault : null;
};
const told = (text: string): string => {
  const fault = uriFault(text);
  return fault === null ? '' : `${fault.message}|${fault.remedy}`;
};

describe('a connection string', () => {
  it.each<[string, string]>([
    ['mongodb://', 'names no host|write mongodb://HOST:27017/'],
    ['mongodb:///shop', 'names no host|'],
    ['mongodb://a,,b/', 'names an empty host|'],
    ['mongodb://h:99999/', 'names a port that is none|write a port from 1 to 65535'],
    ['mongodb://h:0/', 'names a port that is none|'],
    ['mongodb://a:27017,b:port/', 'names a port that is none|'],
    ['mongodb+srv://a.b.c:27017/', 'names several hosts or a port, and mongodb+srv:// takes one name|'],
    ['mongodb+srv://a.b.c,d.e.f/', 'names several hosts or a port'],
    [
      'mongodb://h/?retryWritess=true',
      'holds the option retryWritess, which the driver does not know|did you mean retryWrites?',
    ],
    [
      'mongodb://h/?colour=blue',
      'holds the option colour, which the driver does not know|remove it, or correct its name',
    ],
    ['mongodb://h/?tls=perhaps', 'holds a value for tls that the driver refuses|write true or false'],
    [
      'mongodb://h/?replicaSet=a&maxPoolSize=many',
      'holds a value for maxPoolSize that the driver refuses|write a whole number, 0 or more',
    ],
    ['mongodb://h/?readPreference=first', 'holds a value for readPreference that the driver refuses|'],
    [
      'mongodb://a,b/?directConnection=true',
      'holds the option directConnection, which does not go with the rest of it|',
    ],
    ['mongodb://h/?tls=perhaps&maxPoolSize=many', 'holds options whose values the driver refuses: tls, maxPoolSize|'],
    [
      `mongodb://u:${CANARY}@x@h/`,
      'holds a character that has to be percent-encoded, in its user name, its password or an option|write @ as %40',
    ],
    [`mongodb://u:${CANARY}/x@h/`, 'percent-encoded'],
    [`mongodb://u:${CANARY}:x@h/`, 'percent-encoded'],
    [`mongodb://u:x?${CANARY}=1@h/`, 'percent-encoded'],
    [`mongodb://u:12?${CANARY}=1@h/`, 'percent-encoded'],
    [`mongodb://u:x#${CANARY}@h/`, 'percent-encoded'],
    [`mongodb://u:100%${CANARY}@h/`, 'percent-encoded'],
    [`mongodb://u:p@${CANARY}/word@h:99999/`, 'percent-encoded'],
    ['mongodb://h/?appName=a@b', 'percent-encoded'],
    [`mongodb://u:@h/?${CANARY}=x@y`, 'percent-encoded'],
    [`mongodb://:${CANARY}@h/`, ''],
  ])('is told what the driver refuses in it, and nothing secret: %s', (text, expected) => {
    expect(told(text)).toContain(expected);
    expect(told(text)).not.toContain(CANARY);
  });

  it.each([
    'mongodb://h',
    'mongodb://h/',
    'mongodb://h:27017/shop?w=majority',
    'mongodb://a:1,b:2/?replicaSet=rs0&tls=true',
    'mongodb://[::1]:27017/',
    'mongodb+srv://u:p%40%3A%2F@cluster.example.com/?retryWrites=true',
    'mongodb://u:p@h/?authMechanism=SCRAM-SHA-256&authSource=admin',
    'mongodb://h/?readPreference=secondary&readPreferenceTags=dc:ny',
    'mongodb://h?replicaSet=x',
    'mongodb://h/?tls=true&tlsCAFile=/run/ca.pem&tlsCertificateKeyFile=/run/key.pem',
    'mongodb://h/?compressors=zlib',
  ])('is taken as the driver takes it: %s', (text) => expect(told(text)).toBe(''));

  it('may hold references wherever a value may stand', () => {
    for (const text of [
      '${env:URI}',
      'mongodb://${env:U}:${env:P}@${env:H}:${env:PORT}/?replicaSet=${env:SET}',
      'mongodb://h/?${env:OPTIONS}',
      'mongodb://h/?tls=${env:TLS}&w=majority',
      'mongodb+srv://u:${file:/run/p}@${env:H}/',
    ])
      expect([text, connectionFault(text)]).toEqual([text, null]);
    expect(connectionFault('mongodb://u:${env:P}@h:99999/')?.message).toBe('names a port that is none');
    expect(connectionFault('mongodb://u:${env:P}@h/?w=${env:W}&colour=x')?.message).toContain('the option colour');
  });

  it('is checked by `config check` without a connection', () => {
    const problem = (uri: string): unknown => {
      try {
        return parseConfig(
          `version: "1"\nstreams:\n  - id: s\n    source: { type: mongodb, connection_string: "${uri}", database: a }\n` +
            '    destination: { type: mongodb, connection_string: "${env:B}" }\n',
        );
      } catch (error) {
        return error instanceof ConfigError ? error.problems[0] : error;
      }
    };
    expect(problem('mongodb://')).toMatchObject({
      path: 'streams[0].source.connection_string',
      line: 4,
      message: 'names no host',
    });
    expect(problem('mongodb://h:99999')).toMatchObject({ message: 'names a port that is none' });
    expect(problem('mongodb://h/?retryWritess=true')).toMatchObject({ remedy: 'did you mean retryWrites?' });
  });
});
