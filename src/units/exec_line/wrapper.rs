//! How a program takes the command that it runs, and as whom that runs.

/// How a program takes the command that it runs.
pub(super) struct Wrapper {
    /// The program, and the words that must follow for it to run something.
    pub(super) name: &'static str,
    /// Short options that take a word.
    pub(super) short: &'static str,
    /// Long options that take a word.
    pub(super) long: &'static [&'static str],
    /// How many words stand between options and command.
    pub(super) operands: usize,
    /// As whom that command runs.
    pub(super) becomes: Becomes,
    /// The options whose words, `NAME=VALUE`, are put into its environment.
    pub(super) sets: &'static [&'static str],
}

/// As whom the command of a program runs.
pub(super) enum Becomes {
    /// As the program does.
    Same,
    /// In a file system that is another than this program sees, or as somebody whom the words do not name.
    Elsewhere,
    /// As the account that one of these options names, else as the other one, if there is one.
    Option(&'static [&'static str], Option<&'static str>, Environment),
    /// As the account that is the last operand.
    Operand(Environment),
}

/// What is left of the environment for somebody's command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Environment {
    /// All of it, the home directory of the one before included.
    Kept,
    /// All but the home directory, which is that account's.
    Home,
    /// Nothing; it begins anew, as at a login.
    Reset,
}

pub(super) const fn same(
    name: &'static str,
    short: &'static str,
    long: &'static [&'static str],
    operands: usize,
) -> Wrapper {
    Wrapper {
        name,
        short,
        long,
        operands,
        becomes: Becomes::Same,
        sets: &[],
    }
}

pub(super) const fn elsewhere(
    name: &'static str,
    short: &'static str,
    long: &'static [&'static str],
    operands: usize,
) -> Wrapper {
    Wrapper {
        becomes: Becomes::Elsewhere,
        ..same(name, short, long, operands)
    }
}

/// A program that runs its command as the account that is its operand.
pub(super) const fn operand(name: &'static str, environment: Environment) -> Wrapper {
    Wrapper {
        becomes: Becomes::Operand(environment),
        ..same(name, "", &[], 1)
    }
}

/// A program that runs its command as the account that an option names.
pub(super) const fn option(
    wrapper: Wrapper,
    names: &'static [&'static str],
    other: Option<&'static str>,
    environment: Environment,
) -> Wrapper {
    Wrapper {
        becomes: Becomes::Option(names, other, environment),
        ..wrapper
    }
}
