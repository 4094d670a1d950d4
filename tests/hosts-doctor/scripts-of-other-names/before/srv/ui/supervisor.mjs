import { spawn } from 'node:child_process';
spawn('hermes', ['gateway', 'run']);
