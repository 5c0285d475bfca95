using System.Numerics.Tensors;
using NanoRecSys.Api.Models;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Browsing;

/// <summary>
/// Whom a movie would be shown to. It stands in no table: each sampled user's whole list is computed, by the cosine that
/// the retriever goes by, and the movie's place in it is looked up.
/// </summary>
internal static class Audience
{
    private const int Shown = 12;

    public static MovieAudience Of(ModelSnapshot model, int row)
    {
        UserSample sample = model.Sample;
        var members = new List<AudienceMember>(sample.Members.Count);
        foreach (SampledUser user in sample.Members)
        {
            ReadOnlySpan<int> history = model.Histories.At(user.Position);
            if (!history.Contains(row))
            {
                members.Add(new AudienceMember(model.Histories.UserIds[user.Position], PlaceOf(model, user.Embedding, history, row), history.Length));
            }
        }

        return new MovieAudience(
            model.Histories.UserCount, sample.Members.Count, sample.Members.Count - members.Count,
            members.Count(member => member.Place <= 10), members.Count(member => member.Place <= 100),
            [.. members.OrderBy(member => member.Place).ThenBy(member => member.UserId).Take(Shown)]);
    }

    // 1 and how many movies that the user has not seen score higher.
    private static int PlaceOf(ModelSnapshot model, float[] user, ReadOnlySpan<int> history, int row)
    {
        float score = TensorPrimitives.Dot(user, model.Items.Row(row));
        int higher = 0;
        for (int other = 0; other < model.Items.Count; other++)
        {
            higher += TensorPrimitives.Dot(user, model.Items.Row(other)) > score ? 1 : 0;
        }

        foreach (int seen in new HashSet<int>(history.ToArray()))
        {
            higher -= TensorPrimitives.Dot(user, model.Items.Row(seen)) > score ? 1 : 0;
        }

        return higher + 1;
    }
}
