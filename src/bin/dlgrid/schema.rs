//! `dlgrid schema`: what a spec may say, for editors and for people.
use dlgrid_sweep::{exit, spec};

use crate::show::{Format, print, wrong_input};

const EXAMPLES: &str = "\
Examples:
  dlgrid schema > sweep.schema.json   completion and checks in an editor
  dlgrid schema --format markdown     all settings of `train`, in a table";

/// Arguments of `schema`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// How to print it: json (a JSON Schema) or markdown (every setting in a table)
    #[arg(long, value_enum, default_value_t = Format::Json)]
    pub format: Format,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let text = match args.format {
        Format::Table | Format::Csv => {
            return Err(wrong_input("a schema is JSON or Markdown", "use `--format markdown`"));
        }
        Format::Markdown => spec::schema::markdown(),
        Format::Json => format!("{:#}\n", spec::schema::json_schema()),
    };
    print(&text)?;
    Ok(exit::OK)
}
