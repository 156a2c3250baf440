/** Why Temporal could not be reached, in words; the native client tells it as Rust prints its errors, without a code. */
interface Cause {
  readonly pattern: RegExp;
  readonly reason: string;
  /** Waiting does not help: the settings are wrong. */
  readonly final?: true;
}

const CAUSES: readonly Cause[] = [
  {
    pattern: /PrivateKeyParseError|KeyMismatch|InconsistentKeys/,
    reason:
      'the client key or certificate cannot be used: TEMPORAL_TLS_CLIENT_KEY_PATH and TEMPORAL_TLS_CLIENT_CERT_PATH (or …_DATA) take a pair in PEM form',
    final: true,
  },
  {
    pattern: /CertificateParseError|NoValidCertificates|InvalidCertificate\(Bad/,
    reason: 'a certificate cannot be read: the TEMPORAL_TLS_ settings take certificates in PEM form',
    final: true,
  },
  {
    pattern: /UnknownIssuer|CaUsedAsEndEntity|self.signed/i,
    reason:
      "the server's certificate was not issued by anyone who is trusted here; set TEMPORAL_TLS_SERVER_CA_CERT_PATH",
  },
  {
    pattern: /NotValidForName/,
    reason: "the server's certificate is for another name; set TEMPORAL_TLS_SERVER_NAME",
  },
  { pattern: /InvalidCertificate\(Expired/, reason: "the server's certificate has expired" },
  {
    pattern: /CertificateRequired|AlertReceived\((BadCertificate|UnknownCA|CertificateUnknown)/,
    reason: 'the server does not accept the client certificate, or asks for one: see TEMPORAL_TLS_CLIENT_CERT_PATH',
  },
  {
    pattern: /InvalidMessage|InvalidContentType|CorruptMessage/,
    reason: 'what listens there does not speak TLS; set TEMPORAL_TLS=false, or another address',
  },
  {
    pattern: /code: Unauthenticated/,
    reason: 'the server refuses the credentials; check TEMPORAL_API_KEY',
    final: true,
  },
  { pattern: /dns error/, reason: 'the name of the host is unknown' },
  { pattern: /Connection refused|ConnectionRefused/, reason: 'connection refused' },
  {
    pattern: /frame with invalid size|http2 error|h2 protocol error|ConnectionReset|BrokenPipe|UnexpectedEof/i,
    reason: 'what listens there does not speak plain gRPC; is it TLS (TEMPORAL_TLS=true), or no Temporal server?',
  },
];

export interface Unreachable {
  readonly reason: string;
  readonly final: boolean;
}

export function unreachable(error: unknown): Unreachable {
  const text = error instanceof Error ? error.message : String(error);
  const known = CAUSES.find(({ pattern }) => pattern.test(text));
  if (known !== undefined) return { reason: known.reason, final: known.final === true };
  // The innermost message is the one for people.
  return { reason: /message: "([^"]+)"/.exec(text)?.[1] ?? text.split('\n', 1).join(), final: false };
}
