using System.Security.Cryptography;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Export;

/// <summary>The weights that a training left in a folder.</summary>
/// <param name="Tensors">The state dictionary.</param>
/// <param name="Sha256">Of the file, lower-case hex.</param>
internal sealed record TrainedWeights(IReadOnlyDictionary<string, NamedTensor> Tensors, string Sha256)
{
    /// <param name="folder">Where the training wrote.</param>
    /// <param name="verb">The verb to run where there are none.</param>
    /// <exception cref="UserErrorException">No weights, or damaged ones.</exception>
    public static TrainedWeights Read(string folder, string verb)
    {
        string path = Path.Combine(folder, ExportFiles.Weights);
        string sha256 = HashOf(folder)
            ?? throw new UserErrorException($"There is no {path}. Run '{verb}' first, with the same --data and --artifacts.");
        try
        {
            return new TrainedWeights(SafetensorsFile.Read(path), sha256);
        }
        catch (InvalidDataException e)
        {
            throw new UserErrorException($"{e.Message} Run '{verb}' again.", e);
        }
    }

    /// <summary>SHA-256 of the weights in a folder; null where there are none.</summary>
    public static string? HashOf(string folder)
    {
        string path = Path.Combine(folder, ExportFiles.Weights);
        if (!File.Exists(path))
        {
            return null;
        }

        using FileStream file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}
