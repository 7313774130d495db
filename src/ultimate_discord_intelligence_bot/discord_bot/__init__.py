"""Discord as a face: commands put jobs up, messages show how they stand and what they brought."""
