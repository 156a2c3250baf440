import { setMaxListeners } from 'node:events';

/** For a signal that every lane, loader and open cursor of a leg listens to: Node warns of a leak from the eleventh on. */
export function controllerForMany(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}
