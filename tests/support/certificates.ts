import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The paths of a certificate and its key in PEM form. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Leaf {
  /** `DNS:localhost,IP:127.0.0.1`. */
  readonly names: string;
  readonly expired?: boolean;
}

/** An authority that issues certificates, made with openssl for one test. */
export class Authority implements AsyncDisposable {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async create(): Promise<Authority> {
    const directory = await mkdtemp(join(tmpdir(), 'tributary-certificates-'));
    const authority = new Authority(directory);
    await writeFile(join(directory, 'index.txt'), '');
    await writeFile(join(directory, 'ca.cnf'), CONFIG);
    authority.#openssl([
      'req',
      '-x509',
      ...NEW_KEY,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-subj',
      '/CN=test',
      '-days',
      '30',
    ]);
    return authority;
  }

  get cert(): string {
    return join(this.#directory, 'ca.pem');
  }

  issue(name: string, { names, expired = false }: Leaf): Pair {
    const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`];
    this.#openssl(['req', ...NEW_KEY, ...request, '-addext', `subjectAltName=${names}`]);
    // `openssl x509` takes no dates in the past before version 3.4.
    const dates = expired ? ['-startdate', '20200101000000Z', '-enddate', '20200201000000Z'] : ['-days', '30'];
    this.#openssl([
      'ca',
      '-config',
      'ca.cnf',
      '-batch',
      '-notext',
      '-in',
      `${name}.csr`,
      '-out',
      `${name}.pem`,
      ...dates,
    ]);
    return { cert: join(this.#directory, `${name}.pem`), key: join(this.#directory, `${name}.key`) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }

  #openssl(args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.#directory, stdio: 'pipe' });
  }
}

export const contents = ({ cert, key }: Pair): { readonly cert: Buffer; readonly key: Buffer } => ({
  cert: readFileSync(cert),
  key: readFileSync(key),
});

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

const CONFIG = `
[ca]
default_ca = test
[test]
dir = .
database = index.txt
new_certs_dir = .
rand_serial = yes
unique_subject = no
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
`;
