#!/usr/bin/env -S node --conditions=@rekey/source
