"""Browse and review in the browser: `pix2cap review RUN|DATASET`."""
