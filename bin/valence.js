#!/usr/bin/env node
import '../dist/workers/main.js';
