import type { Finding } from '../../../../core/model/finding';
import type { Namespace } from '../../../../core/model/namespace';

const finding = (
  severity: Finding['severity'],
  code: string,
  namespace: Namespace,
  message: string,
  remedy: string,
): Finding => ({ severity, code, message, remedy, namespace });

export const notCapped = (namespace: Namespace, reason: string): Finding =>
  finding(
    'error',
    'not_capped',
    namespace,
    `${namespace} is capped at the source, and its target stays a plain collection: ${reason}`,
    'Make a capped collection of it by hand, or live with a plain one. Nothing falls out of it.',
  );

export const capRefused = (namespace: Namespace, names: readonly string[], reason: string): Finding =>
  finding(
    'error',
    'cap_differs',
    namespace,
    `the target of ${namespace} is capped, with another ${names.join(' and ')} than the source: ${reason}`,
    'Use MongoDB 6.0 or later at the destination, where collMod sets it; or make the collection anew by hand.',
  );
