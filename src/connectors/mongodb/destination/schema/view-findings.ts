import type { Finding } from '../../../../core/model/finding';
import type { Namespace } from '../../../../core/model/namespace';

const finding = (
  severity: Finding['severity'],
  code: string,
  namespace: Namespace,
  message: string,
  remedy: string,
): Finding => ({
  severity,
  code,
  message,
  remedy,
  namespace,
});

export const foreignView = (source: Namespace, target: Namespace): Finding =>
  finding(
    'warning',
    'view_differs',
    source,
    `${target} is a view with another definition, which the stream has not made: it is left as it is`,
    'Drop it at the destination, and the stream makes its own within one slice; or exclude the view from the stream.',
  );

export const notAView = (source: Namespace, target: Namespace, type: string): Finding =>
  finding(
    'warning',
    'view_in_the_way',
    source,
    `${source} is a view, and its target ${target} is a ${type}, which the stream has not made: it is left as it is`,
    'Rename what is there, or give the view another name with `namespaces`; or exclude the view from the stream.',
  );

export const unmappedView = (source: Namespace, of: Namespace): Finding =>
  finding(
    'warning',
    'view_apart',
    source,
    `${source} is computed from ${of}, whose target is in another database, which a view cannot read: it is not made`,
    'Give both a target in one database with `namespaces`, or make the view at the destination by hand.',
  );

export const viewRefused = (source: Namespace, code: string, message: string): Finding =>
  finding(
    'warning',
    'view_refused',
    source,
    `the destination refuses the view ${source} (${code}): ${message}`,
    'Make it at the destination by hand, or exclude it from the stream; it is tried again in each slice.',
  );

export const viewStays = (source: Namespace, target: Namespace, reason: string): Finding =>
  finding(
    'warning',
    'view_stays',
    source,
    `the view ${source} is gone at the source, and the destination refuses to drop ${target}: ${reason}`,
    'Drop it at the destination by hand, or let the user do it; it is tried again in each slice.',
  );
