// Pages that are only read: help, problems.
import { start, tell } from './app.js';

start({});
tell('ready', {});
