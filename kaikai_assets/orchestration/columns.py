"""Contracts as Dagster metadata: column schema and column lineage."""

from collections.abc import Mapping

import dagster as dg

from kaikai_assets.quality.contracts import Contract, columns


def table_schema(contract: Contract) -> dg.TableSchema:
    """Columns with type, unit, description and constraints."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=str(column.dtype) + (f" [{column.unit}]" if column.unit else ""),
                description=column.description,
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable,
                    other=[f"{name} {', '.join(str(value) for _, value in args)}" for name, args in column.checks],
                ),
            )
            for column in columns(contract)
        ]
    )


def column_lineage(contract: Contract, upstream: Mapping[str, Contract]) -> dg.TableColumnLineage:
    """For each column, the upstream columns it is made of: those its metadata names, else those of its own name."""
    names = {table: {column.name for column in columns(of)} for table, of in upstream.items()}
    return dg.TableColumnLineage(
        deps_by_column={
            column.name: [
                dg.TableColumnDep(asset_key=dg.AssetKey(table.split("/")), column_name=origin)
                for table, known in names.items()
                for origin in (column.made_of or (column.name,))
                if origin in known
            ]
            for column in columns(contract)
        }
    )
