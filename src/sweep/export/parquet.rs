//! Runs and curves as Parquet: the columns of the CSV, each with its type; what is missing is null.
use std::borrow::Cow;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use super::column::{AFTER, BEFORE, names};
use super::{Export, Run};
use crate::recipe::Value;
use crate::report::csv::number;
use crate::store::record::Epoch;

/// One row a run.
pub(super) fn runs(export: &Export) -> Vec<u8> {
    let (parameters, metrics) = names(&export.parameters, &export.metrics);
    let all: Vec<&Run> = export.runs.iter().collect();
    let mut columns = identity(&all);
    let of_parameter = |place: usize| {
        cells_of(&all.iter().map(|run| run.parameters[place].as_ref()).collect::<Vec<_>>())
    };
    let named = parameters.into_iter().enumerate();
    columns.extend(named.map(|(place, name)| (name, of_parameter(place))));
    let after = [
        text(&all, |run| Some(run.state.key().into())),
        numbers(&all, |run| run.objective),
        counts(&all, |run| run.epochs.map(u64::from)),
        numbers(&all, |run| Some(run.seconds)),
        numbers(&all, |run| run.ended),
        text(&all, |run| run.why.as_deref().map(Cow::Borrowed)),
        counts(&all, |run| run.cohort.map(u64::from)),
        numbers(&all, |run| run.samples_per_s),
    ];
    columns.extend(AFTER.map(str::to_owned).into_iter().zip(after));
    let named = metrics.into_iter().enumerate();
    columns.extend(named.map(|(place, name)| (name, numbers(&all, |run| run.metrics[place]))));
    table(&columns, &export.about())
}

/// One row an epoch of a run.
pub(super) fn curves(export: &Export) -> Vec<u8> {
    let (_, metrics) = names(&[], &export.curve_metrics);
    let runs = export.runs.iter();
    let all: Vec<&Run> = runs.flat_map(|run| std::iter::repeat_n(run, run.curve.len())).collect();
    let epochs: Vec<&Epoch> = export.runs.iter().flat_map(|run| &run.curve).collect();
    let mut columns = identity(&all);
    columns.push(("epoch".into(), counts(&epochs, |epoch| Some(epoch.epoch.into()))));
    columns.push(("seconds".into(), numbers(&epochs, |epoch| Some(epoch.seconds))));
    columns.extend(metrics.into_iter().zip(&export.curve_metrics).map(|(name, metric)| {
        (name, numbers(&epochs, |epoch| epoch.metrics.get(metric).map(|x| x.0)))
    }));
    table(&columns, &export.about())
}

/// The cells of a column.
enum Cells<'a> {
    Truth(Vec<Option<bool>>),
    Whole(Vec<Option<i64>>),
    Count(Vec<Option<u64>>),
    Number(Vec<Option<f64>>),
    Text(Vec<Option<Cow<'a, str>>>),
}

type Column<'a> = (String, Cells<'a>);

fn identity<'a>(runs: &[&'a Run]) -> Vec<Column<'a>> {
    let cells = [
        counts(runs, |run| Some(run.index)),
        text(runs, |run| run.id.as_deref().map(Cow::Borrowed)),
        text(runs, |run| Some(Cow::Borrowed(run.trial.as_str()))),
        counts(runs, |run| run.seed),
        counts(runs, |run| run.fold.map(|fold| fold.number.into())),
    ];
    BEFORE.map(str::to_owned).into_iter().zip(cells).collect()
}

fn counts<T>(rows: &[&T], of: impl Fn(&T) -> Option<u64>) -> Cells<'static> {
    Cells::Count(rows.iter().map(|row| of(row)).collect())
}

fn numbers<T>(rows: &[&T], of: impl Fn(&T) -> Option<f64>) -> Cells<'static> {
    Cells::Number(rows.iter().map(|row| of(row)).collect())
}

fn text<'a>(runs: &[&'a Run], of: impl Fn(&'a Run) -> Option<Cow<'a, str>>) -> Cells<'a> {
    Cells::Text(runs.iter().map(|run| of(run)).collect())
}

/// The values of a parameter: truths, whole numbers or numbers where all are, else text.
fn cells_of<'a>(values: &[Option<&'a Value>]) -> Cells<'a> {
    let all = |is: fn(&Value) -> bool| values.iter().flatten().all(|value| is(value));
    let in_text = |value: &'a Value| match value {
        Value::Text(text) => Cow::Borrowed(text.as_str()),
        Value::Float(x) => number(*x).into(),
        other => other.to_string().into(),
    };
    if all(|v| matches!(v, Value::Bool(_))) {
        let truth = |value: &Option<&Value>| value.map(|v| matches!(v, Value::Bool(true)));
        Cells::Truth(values.iter().map(truth).collect())
    } else if all(|v| matches!(v, Value::Int(_))) {
        let whole = |value: &Option<&Value>| match value {
            Some(Value::Int(i)) => Some(*i),
            _ => None,
        };
        Cells::Whole(values.iter().map(whole).collect())
    } else if all(|v| matches!(v, Value::Int(_) | Value::Float(_))) {
        Cells::Number(values.iter().map(|value| value.and_then(Value::as_f64)).collect())
    } else {
        Cells::Text(values.iter().map(|value| value.map(in_text)).collect())
    }
}

/// A file of these columns; what it is of stands in its metadata under `dlgrid`.
fn table(columns: &[Column<'_>], about: &str) -> Vec<u8> {
    write(columns, about).expect("memory takes all bytes, and the schema is made of the columns")
}

fn write(columns: &[Column<'_>], about: &str) -> Result<Vec<u8>> {
    let fields = columns.iter().map(|(name, cells)| Ok(Arc::new(cells.schema(name)?)));
    let fields = fields.collect::<Result<Vec<_>>>()?;
    let schema = Type::group_type_builder("dlgrid").with_fields(fields).build()?;
    let about = KeyValue::new("dlgrid".to_owned(), about.trim_end().to_owned());
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("dlgrid version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(vec![about]))
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for (_, cells) in columns {
        let Some(column) = group.next_column()? else { break };
        cells.write(column)?;
    }
    group.close()?;
    writer.into_inner()
}

impl Cells<'_> {
    fn schema(&self, name: &str) -> Result<Type> {
        let (physical, logical) = match self {
            Self::Truth(_) => (Physical::BOOLEAN, None),
            Self::Whole(_) => (Physical::INT64, None),
            Self::Count(_) => (Physical::INT64, Some(LogicalType::integer(64, false))),
            Self::Number(_) => (Physical::DOUBLE, None),
            Self::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()
    }

    fn write(&self, column: SerializedColumnWriter<'_>) -> Result<()> {
        match self {
            Self::Truth(all) => put::<BoolType, _>(column, all, |x| *x),
            Self::Whole(all) => put::<Int64Type, _>(column, all, |x| *x),
            // The bits of a number without a sign: its logical type says so.
            Self::Count(all) => put::<Int64Type, _>(column, all, |x| x.cast_signed()),
            Self::Number(all) => put::<DoubleType, _>(column, all, |x| *x),
            Self::Text(all) => {
                put::<ByteArrayType, _>(column, all, |x| ByteArray::from(x.as_bytes().to_vec()))
            }
        }
    }
}

/// Writes the cells of a column: which are there, and the values of those.
fn put<D: DataType, T>(
    mut column: SerializedColumnWriter<'_>,
    cells: &[Option<T>],
    of: impl Fn(&T) -> D::T,
) -> Result<()> {
    let there: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    let values: Vec<D::T> = cells.iter().flatten().map(of).collect();
    column.typed::<D>().write_batch(&values, Some(&there), None)?;
    column.close()
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::schema::printer::print_schema;

    use super::super::tests::export;
    use super::super::{Form, write};

    #[test]
    fn tables_are_read_back_with_their_types() {
        let here = tempfile::tempdir().unwrap();
        write(&export(), Form::Parquet, here.path(), false).unwrap();
        let mut told = String::new();
        for name in ["runs", "curves"] {
            let file = std::fs::File::open(here.path().join(format!("{name}.parquet"))).unwrap();
            let reader = SerializedFileReader::new(file).unwrap();
            let facts = reader.metadata().file_metadata();
            let about = facts.key_value_metadata().unwrap()[0].value.as_ref().unwrap();
            assert!(about.starts_with(r#"{"created":"#), "{about}");
            let mut schema = Vec::new();
            print_schema(&mut schema, facts.schema());
            told += &String::from_utf8(schema).unwrap();
            for row in reader.get_row_iter(None).unwrap() {
                told += &format!("{}\n", row.unwrap());
            }
        }
        insta::assert_snapshot!("export_parquet", told);
    }
}
