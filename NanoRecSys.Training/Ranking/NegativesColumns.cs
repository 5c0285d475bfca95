using Parquet.Schema;

namespace NanoRecSys.Training.Ranking;

/// <summary>The columns of <c>negatives.parquet</c>: one row per position, its candidates in lists of equal length.</summary>
internal static class NegativesColumns
{
    public static readonly DataField<int> User = new("user");
    public static readonly DataField<int> Position = new("position");
    public static readonly DataField Embedding = new("embedding", typeof(float), isNullable: false, isArray: true);
    public static readonly DataField Items = new("items", typeof(int), isNullable: false, isArray: true);
    public static readonly DataField Kinds = new("kinds", typeof(int), isNullable: false, isArray: true);
    public static readonly DataField Cosines = new("cosines", typeof(float), isNullable: false, isArray: true);

    public static readonly ParquetSchema Schema = new(User, Position, Embedding, Items, Kinds, Cosines);
}
