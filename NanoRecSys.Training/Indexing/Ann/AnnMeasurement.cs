namespace NanoRecSys.Training.Indexing.Ann;

/// <summary>One index at one width.</summary>
/// <param name="Engine"><c>managed</c>, or <c>faiss</c> with its version.</param>
/// <param name="Index">As FAISS's factory writes it.</param>
/// <param name="Width">nprobe or efSearch; 0 for flat.</param>
/// <param name="RecallAt10">Share of the exact ten among the first ten of a hundred asked for.</param>
/// <param name="RecallAt100">Share of the exact hundred.</param>
/// <param name="Ms">Milliseconds of a query for a hundred, one thread.</param>
/// <param name="MemoryMb">Megabytes (10^6 bytes) in memory; the file's for FAISS, which does not tell.</param>
/// <param name="BuildSeconds">Of building it, by us, with all threads.</param>
public sealed record AnnMeasurement(
    string Engine, string Index, int Width, double RecallAt10, double RecallAt100, double Ms, double MemoryMb, double BuildSeconds);

/// <summary>All measurements of a run.</summary>
/// <param name="Vectors">What was searched.</param>
/// <param name="Rows">Number of vectors.</param>
/// <param name="Dimension">D</param>
/// <param name="Queries">Queries of each measurement.</param>
/// <param name="Measurements">In the order of the grid.</param>
public sealed record AnnReport(string Vectors, int Rows, int Dimension, int Queries, IReadOnlyList<AnnMeasurement> Measurements);
