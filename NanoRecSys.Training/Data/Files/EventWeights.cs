namespace NanoRecSys.Training.Data.Files;

/// <param name="ByName">Types that are not named weigh 1. Below zero the event says that the item was not liked; it is no interaction, nor is one of weight zero.</param>
internal sealed record EventWeights(IReadOnlyDictionary<string, float> ByName)
{
    public static readonly EventWeights None = new(new Dictionary<string, float>());

    /// <param name="text">Such as <c>view=0.2,purchase=1,dislike=-1</c>.</param>
    public static EventWeights Parse(string text)
    {
        var weights = new Dictionary<string, float>(StringComparer.OrdinalIgnoreCase);
        foreach (string part in text.Split(','))
        {
            string[] pair = part.Split('=', 2);
            if (pair.Length != 2 || pair[0].Trim().Length == 0 || !Content.IsNumber(pair[1], out double weight) || Math.Abs(weight) > 1e6 || !weights.TryAdd(pair[0].Trim(), (float)weight))
            {
                throw new UserErrorException($"--event-weights: '{part}' must be NAME=NUMBER, such as view=0.2, each name once and separated by commas.");
            }
        }

        return new EventWeights(weights);
    }

    public float this[string name] => ByName.GetValueOrDefault(name, 1);
}

/// <param name="Weight">In training and in popularity; zero and less: left out.</param>
internal sealed record EventTypeCount(string Name, double Weight, long Rows);
