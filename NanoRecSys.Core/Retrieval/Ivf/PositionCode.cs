namespace NanoRecSys.Core.Retrieval.Ivf;

/// <summary>Writes the code of the row at a position of inverted lists.</summary>
public delegate void PositionCode(int position, Span<byte> code);
