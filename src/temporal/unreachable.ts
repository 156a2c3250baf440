/**
 * Why Temporal cannot be reached, in words. Neither client has codes for this: the worker's native one tells it as Rust prints its
 * errors, the command line's (grpc-js) as Node prints its own.
 */
interface Cause {
  readonly native: RegExp;
  readonly node: RegExp;
  readonly reason: string;
  readonly remedy: string;
  /** Waiting does not help: a setting or a certificate is wrong. */
  readonly final?: true;
}

const NEVER = /(?!)/u;
const CLIENT_PAIR = 'TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH (or …_DATA)';

/** gRPC's status codes for it. */
const REFUSED_CODES: readonly unknown[] = [7, 16];
const REFUSED = {
  reason: 'the server refuses the credentials',
  remedy: 'check TEMPORAL_API_KEY, the client certificate, and the namespace that they are for',
  final: true,
} as const;

const CAUSES: readonly Cause[] = [
  {
    native: /PrivateKeyParseError|KeyMismatch|InconsistentKeys/u,
    node: /key values mismatch|PEM routines|DECODER routines|asn1 encoding routines/u,
    reason: 'the client key or certificate cannot be used',
    remedy: `${CLIENT_PAIR} take a pair in PEM form`,
    final: true,
  },
  {
    native: /CertificateParseError|NoValidCertificates|InvalidCertificate\(Bad/u,
    node: NEVER,
    reason: 'a certificate cannot be read',
    remedy: 'the TEMPORAL_TLS_ settings take certificates in PEM form',
    final: true,
  },
  {
    native: /UnknownIssuer|CaUsedAsEndEntity|self.signed/iu,
    node: /unable to verify the first certificate|self.signed certificate|unable to get (local )?issuer/u,
    reason: "the server's certificate was not issued by an authority that is trusted here",
    remedy: 'set TEMPORAL_TLS_SERVER_CA_CERT_PATH to the certificate of its issuer',
    final: true,
  },
  {
    native: /NotValidForName/u,
    node: /ERR_TLS_CERT_ALTNAME_INVALID/u,
    reason: "the server's certificate is for another name",
    remedy: 'set TEMPORAL_TLS_SERVER_NAME to a name in the certificate, or TEMPORAL_ADDRESS to the right host',
    final: true,
  },
  {
    native: /InvalidCertificate\(Expired/u,
    node: /certificate has expired/u,
    reason: "the server's certificate has expired",
    remedy: "let the server's administrator renew it, and check the clock of this machine",
    final: true,
  },
  {
    native: /InvalidCertificate\(NotValidYet/u,
    node: /certificate is not yet valid/u,
    reason: "the server's certificate is not valid yet",
    remedy: 'check the clock of this machine',
    final: true,
  },
  {
    native: /fatal alert: CertificateRequired/u,
    node: /SSL alert number 116\b/u,
    reason: 'the server asks for a client certificate',
    remedy: `set ${CLIENT_PAIR}`,
    final: true,
  },
  {
    native: /fatal alert: CertificateExpired/u,
    node: /SSL alert number 45\b/u,
    reason: 'the client certificate has expired',
    remedy: `renew it: ${CLIENT_PAIR} name it`,
    final: true,
  },
  {
    native:
      /fatal alert: (BadCertificate|UnknownCA|CertificateUnknown|CertificateRevoked|UnsupportedCertificate|AccessDenied|HandshakeFailure)/u,
    node: /SSL alert number (40|42|43|44|46|48|49)\b/u,
    reason: 'the server does not accept the client certificate',
    remedy: `${CLIENT_PAIR} take a pair that the server's authority has issued for this namespace`,
    final: true,
  },
  {
    native: /InvalidMessage|InvalidContentType|CorruptMessage/u,
    node: /wrong version number|packet length too long|unsupported protocol/u,
    reason: 'what listens there does not speak TLS',
    remedy: 'set TEMPORAL_TLS=false, or another address',
  },
  {
    native: /does not have (valid authentication credentials|permission to execute)/u,
    node: NEVER,
    ...REFUSED,
  },
  {
    native: /dns error/u,
    node: /Name resolution failed|ENOTFOUND/u,
    reason: 'the name of the host is unknown',
    remedy: 'check TEMPORAL_ADDRESS',
  },
  {
    native: /Connection refused|ConnectionRefused/u,
    node: /ECONNREFUSED/u,
    reason: 'connection refused',
    remedy: 'check TEMPORAL_ADDRESS, and that the server runs',
  },
];

/** `Canceled`: the connection was closed between its start and the first request, in one of fifty tries (measured). */
const CUT_OFF = {
  native:
    /frame with invalid size|http2 error|h2 protocol error|ConnectionReset|BrokenPipe|broken pipe|UnexpectedEof|hyper::Error\((Canceled|ChannelClosed|IncompleteMessage)/iu,
  node: /Failed to connect|Protocol error|ECONNRESET|EPIPE|Connection dropped/u,
};
const PLAIN = {
  reason: 'what listens there does not speak plain gRPC',
  remedy: 'is it TLS (TEMPORAL_TLS=true), or no Temporal server?',
};
/** A server that refuses a client certificate after the handshake of TLS 1.3 may just hang up. */
const ENCRYPTED = {
  reason: 'the server closes the encrypted connection',
  remedy: `check that ${CLIENT_PAIR} name a pair that the server accepts, and that a Temporal server listens there`,
};

export interface Unreachable {
  readonly reason: string;
  readonly remedy: string;
  readonly final: boolean;
  /** It said nothing in the time that it had. */
  readonly silent: boolean;
}

/** `tls`: the connection was to be encrypted. */
export function unreachable(error: unknown, { tls }: { readonly tls: boolean }): Unreachable {
  if (REFUSED_CODES.includes(codeOf(error))) return { ...REFUSED, silent: false };
  const text = textOf(error);
  const known = CAUSES.find(({ native, node }) => native.test(text) || node.test(text));
  if (known !== undefined) {
    return { reason: known.reason, remedy: known.remedy, final: known.final === true, silent: false };
  }
  if (CUT_OFF.native.test(text) || CUT_OFF.node.test(text)) {
    return { ...(tls ? ENCRYPTED : PLAIN), final: false, silent: false };
  }
  const silent = /DEADLINE_EXCEEDED|Deadline|TimeoutExpired|^no answer/u.test(text);
  if (silent) {
    return {
      reason: /^no answer for \d+ s/u.exec(text)?.[0] ?? 'no answer in time',
      remedy: CHECK,
      final: false,
      silent,
    };
  }
  // The innermost message is the one for people.
  const reason = /message: "([^"]+)"/u.exec(text)?.[1] ?? text.split('\n', 1).join();
  return { reason, remedy: CHECK, final: false, silent };
}

const CHECK = 'check TEMPORAL_ADDRESS, TEMPORAL_TLS and TEMPORAL_API_KEY';

const textOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} ${error.cause.message}` : error.message;
};

const codeOf = (error: unknown): unknown => {
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: { readonly code?: unknown } };
  return code ?? cause?.code;
};

/** An API key turns TLS on by itself. */
export const isEncrypted = ({ tls, apiKey }: { readonly tls?: unknown; readonly apiKey?: unknown }): boolean =>
  (tls ?? apiKey !== undefined) !== false;
