/** Every form in which a secret is planted: settings of kinds that do not exist yet included. */

/** Connection settings that hold a secret as plain text. */
export const settings = (secret: string): readonly string[] => [
  `mongodb://app:${secret}@db1:27017/shop`,
  `MongoDB://app:${secret}@db1:27017/shop`,
  `mongodb+srv://app:${secret}@cluster.example.com/`,
  `mongodb://db1/?tlsCertificateKeyFilePassword=${secret}`,
  `mongodb://db1/?authMechanismProperties=AWS_SESSION_TOKEN:${secret}`,
  `postgres://app:${secret}@db1:5432/shop`,
  `POSTGRES://app:${secret}@db1/shop`,
  `postgresql://app:${secret}@db1:5432,db2:5433/shop?target_session_attrs=any`,
  `postgresql://db1/shop?user=app&password=${secret}`,
  `postgresql://db1/shop?sslpassword=${secret}&sslmode=require`,
  `postgresql:///shop?host=/run/pg&password=${secret}`,
  `jdbc:postgresql://db1/shop?user=app&password=${secret}`,
  `mysql://app:${secret}@db1:3306/shop`,
  `mariadb://app:pa%40${secret}%2F@db1:3306/shop`,
  `mysql://app:p@ss/${secret}?x#y@db1/shop`,
  `amqp://app:${secret}@broker:5672/vhost`,
  `amqps://app:${secret}@b1,b2/`,
  `kafka://broker:9092?sasl.username=app&sasl.password=${secret}`,
  `https://app:${secret}@search:9200`,
  `HTTPS://app:${secret}@search:9200,search2:9200`,
  `redis://:${secret}@cache:6379/0`,
  `AccountEndpoint=https://shop.documents.example.com:443/;AccountKey=${secret}==;`,
  `Endpoint=sb://bus.example.com/;SharedAccessKeyName=root;SharedAccessKey=${secret}=`,
  `host=db1 user=app password=${secret} dbname=shop`,
  `host=db1 user=app password='${secret} \\' x' dbname=shop`,
  `Server=db1;Database=shop;Uid=app;Pwd=${secret};`,
];

/** What stands in other settings, in errors of drivers, in texts of all kinds. */
export const texts = (secret: string): readonly string[] => [
  ...settings(secret),
  `https://search:9200/?api_key=${secret}`,
  `https://store.example.com/c?sv=2024&sig=${secret}&se=1`,
  `org.apache.kafka.common.security.plain.PlainLoginModule required username="app" password="${secret} \\" x";`,
  `{"user":"app","password":"${secret}","n":1}`,
  `{\\"sasl\\":{\\"password\\":\\"${secret} x\\"}}`,
  `sasl: { mechanism: plain, password: ${secret} }`,
  `Authorization: Bearer ${secret}`,
  `ALTER ROLE app PASSWORD '${secret}'`,
  `CREATE USER app IDENTIFIED BY '${secret}'`,
];

/** Settings of a source whose names say secret: the path from the source on, and what stands there. */
export const named = (secret: string): readonly (readonly [string, object])[] => [
  ['password', { password: secret }],
  ['options.password', { options: { password: secret } }],
  ['options.sasl.password', { options: { sasl: { mechanism: 'plain', username: 'app', password: secret } } }],
  ['options["sasl.password"]', { options: { 'sasl.password': secret } }],
  [
    'options["sasl.jaas.config"]',
    { options: { 'sasl.jaas.config': `PlainLoginModule required username="app" password="${secret}";` } },
  ],
  ['options.saslPassword', { options: { saslPassword: secret } }],
  ['options.sslpassword', { options: { sslpassword: secret } }],
  ['options.passphrase', { options: { passphrase: secret } }],
  ['options.apiKey', { options: { apiKey: secret } }],
  ['options.api_key', { options: { api_key: secret } }],
  ['options.accountKey', { options: { accountKey: secret } }],
  ['options.token', { options: { token: `x-${secret}-\${env:REST}` } }],
  ['options.client_secret', { options: { client_secret: secret } }],
  ['options.credentials', { options: { credentials: secret } }],
  ['options.credentials.key', { options: { credentials: { username: 'app', key: secret } } }],
  ['options.tokens[0]', { options: { tokens: [secret] } }],
  ['options.dsn', { options: { dsn: `host=db1 password=${secret}` } }],
  ['options.url', { options: { url: `postgres://app:${secret}@db1/shop` } }],
  ['options.nodes[1]', { options: { nodes: ['https://search1:9200', `https://app:${secret}@search2:9200`] } }],
  ['options.properties', { options: { properties: `acks=all\nsasl.password=${secret}` } }],
];
