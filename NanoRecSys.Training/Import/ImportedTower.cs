using System.Globalization;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Import;

/// <summary>A user tower from elsewhere, checked whole.</summary>
/// <param name="Model">Its configuration.</param>
/// <param name="Tensors">Its state dictionary, in the order of the layers.</param>
/// <param name="Notes">What was stripped or assumed.</param>
internal sealed record ImportedTower(ModelInfo Model, IReadOnlyList<NamedTensor> Tensors, IReadOnlyList<string> Notes)
{
    /// <summary>How the manifest calls the loss of a training that is not known.</summary>
    private const string UnknownLoss = "imported";
    private const double ReferenceTemperature = 0.05;

    /// <exception cref="InvalidDataException">The file cannot be read, or holds no such network.</exception>
    /// <exception cref="UserErrorException">The options do not fit the weights.</exception>
    public static ImportedTower Read(string path, ImportOptions options)
    {
        PretrainedWeights weights = PretrainedWeights.Read(path, UserTowerLayout.Landmarks);
        RequireReference(weights);
        UserTowerLayout layout = UserTowerLayout.Of(weights);
        float[]? frequencies = weights.Tensors.GetValueOrDefault(UserTowerLayout.RotaryName)?.Values;
        List<string> notes = [.. weights.Notes];
        var model = new ModelInfo(
            BlockKinds.Transformer, layout.Dimension, layout.Blocks, HeadsOf(layout, weights, frequencies, options), layout.FeedForward,
            MaxLengthOf(weights, options, notes), layout.Items, RopeBaseOf(weights, frequencies, options, notes), Dropout: 0, UnknownLoss, ReferenceTemperature);
        return new ImportedTower(model, [.. layout.Tensors.Select(tensor => weights.Tensors[tensor.Name])], notes);
    }

    // What an export of ours says of itself: the names of its tensors alone would be a long riddle.
    private static void RequireReference(PretrainedWeights weights)
    {
        string kind = weights.Metadata.GetValueOrDefault(WeightsMetadata.Kind, BlockKinds.Transformer);
        string positions = weights.Metadata.GetValueOrDefault(WeightsMetadata.Positions, Positions.Rotary);
        if (kind != BlockKinds.Transformer || positions != Positions.Rotary)
        {
            throw new UserErrorException(
                $"{weights.Path} holds {PrintableName.Of(kind)} blocks with {PrintableName.Of(positions)} positions. 'import' takes the reference architecture alone: '{BlockKinds.Transformer}' with '{Positions.Rotary}'.");
        }
    }

    private static int HeadsOf(UserTowerLayout layout, PretrainedWeights weights, float[]? frequencies, ImportOptions options)
    {
        int? told = frequencies is { Length: > 0 } && layout.Dimension % (2 * frequencies.Length) == 0 ? layout.Dimension / (2 * frequencies.Length) : null;
        int heads = options.Heads ?? (int?)Number(weights, WeightsMetadata.Heads) ?? told
            ?? throw new UserErrorException($"Give --heads: the weights in {weights.Path} do not tell the number of attention heads.");
        if (layout.Dimension % (2 * heads) != 0)
        {
            throw new UserErrorException($"--heads {heads} does not fit {weights.Path}: its dimension {layout.Dimension} is no multiple of twice that, which the rotary embedding needs.");
        }

        return frequencies is null || frequencies.Length == layout.Dimension / heads / 2
            ? heads
            : throw new UserErrorException(
                $"--heads {heads} does not fit {weights.Path}: {heads} heads of {layout.Dimension} dimensions have {layout.Dimension / heads / 2} rotary frequencies each, '{UserTowerLayout.RotaryName}' has {frequencies.Length}{(told is null ? "" : $" (that is {told} heads)")}.");
    }

    private static int MaxLengthOf(PretrainedWeights weights, ImportOptions options, List<string> notes)
    {
        if ((options.MaxLength ?? Number(weights, WeightsMetadata.MaxLength)) is { } length)
        {
            return (int)length;
        }

        notes.Add($"The last {ImportOptions.DefaultMaxLength} items of a history are read; --max-length says otherwise.");
        return ImportOptions.DefaultMaxLength;
    }

    private static double RopeBaseOf(PretrainedWeights weights, float[]? frequencies, ImportOptions options, List<string> notes)
    {
        double? told = frequencies is null ? null : RotaryFrequencies.BaseOf(frequencies);
        double? wanted = options.RopeBase ?? Number(weights, WeightsMetadata.RopeBase);
        if (told is { } written && wanted is { } other && Math.Abs(written - other) > 1e-3 * written)
        {
            throw new UserErrorException(string.Create(CultureInfo.InvariantCulture, $"--rope-base {other} does not fit {weights.Path}: its '{UserTowerLayout.RotaryName}' is of base {written}."));
        }

        if ((wanted ?? told) is null)
        {
            notes.Add(string.Create(CultureInfo.InvariantCulture, $"The rotary embedding is taken to be of base {ImportOptions.DefaultRopeBase}; --rope-base says otherwise."));
        }

        return wanted ?? told ?? ImportOptions.DefaultRopeBase;
    }

    /// <summary>What an export of ours noted in the file's header.</summary>
    private static double? Number(PretrainedWeights weights, string key) =>
        weights.Metadata.TryGetValue(key, out string? text) && double.TryParse(text, CultureInfo.InvariantCulture, out double number) && number is >= 1 and <= 1e6 ? number : null;
}
