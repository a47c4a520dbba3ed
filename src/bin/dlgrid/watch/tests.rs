//! The live view: keys in, effects out; whole screens.
